#!/bin/sh
# Starts one user's JupyterLab, as that user. The course ($COURSE) and what was drawn and trained
# before ($COURSE_SHARED) are links in their home: read by all, written by nobody. What a user
# writes or trains anew takes a link's place, in that home alone.
set -e
mine="$HOME/autoencoders"
export COURSE_DATA="$mine/data" COURSE_PROGRESS="$mine/progress.json"
export JUPYTER_CONFIG_PATH="$COURSE/course_lib/authoring/jupyter"
mkdir -p "$mine/notebooks" "$COURSE_DATA"
for file in "$COURSE"/notebooks/*.*; do
    case "$file" in
        */ANSWERS.md | */TEACHING.md) ;;  # for those who teach
        *) ln -sfn "$file" "$mine/notebooks/" ;;
    esac
done
cp --recursive --symbolic-link --no-clobber "$COURSE_SHARED/." "$COURSE_DATA"
cd "$mine"
"$PYTHON" -m course_lib copies
exec "$PYTHON" -m jupyterhub.singleuser "$@"
