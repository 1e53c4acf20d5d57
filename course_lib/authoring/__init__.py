"""What stands around the lessons, and is imported by none of them: what authors make (notebooks
executed, claims listed, slides, a site), what teachers need (an assignment, grades), the copies and
reports of those who learn (all behind ``python -m course_lib``); JupyterLab's settings, a hub."""
