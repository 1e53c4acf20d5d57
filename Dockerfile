# One image from which Binder, Codespaces and JupyterHub start: the course without a GPU, its faces
# drawn and the homework's model trained, by running notebook 02 once. Students' work on a hub lies in
# their homes (course_lib/authoring/hub).
FROM python:3.12-slim
ARG NB_USER=jovyan
ARG NB_UID=1000
RUN useradd --create-home --uid ${NB_UID} ${NB_USER}
ENV COURSE=/srv/course COURSE_SHARED=/srv/course/data PYTHON=python OMP_NUM_THREADS=1
ENV JUPYTER_CONFIG_PATH=/srv/course/course_lib/authoring/jupyter
COPY . ${COURSE}
WORKDIR ${COURSE}
RUN python -m pip install --no-cache-dir -c constraints.txt uv \
    && uv pip install --system --no-cache --torch-backend=cpu -c constraints.txt -e ".[hub]" \
    && jupyter execute --timeout=1800 notebooks/02_autoencoder.ipynb \
    && chown -R ${NB_USER} ${COURSE}
USER ${NB_USER}
RUN python -m course_lib copies
EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--LabApp.default_url=/lab/tree/notebooks/mine/00_start_here.ipynb"]
