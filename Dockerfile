# One image from which Binder, Codespaces and JupyterHub start: the course without a GPU, its faces
# drawn and the homework's models trained, by running notebooks 00, 02 and 03 once. What they made lies
# beside the course, where Codespaces mounts one's own. Students' work on a hub lies in their homes
# (course_lib/authoring/hub).
FROM python:3.12-slim
ARG NB_USER=jovyan
ARG NB_UID=1000
RUN useradd --create-home --uid ${NB_UID} ${NB_USER}
ENV COURSE=/srv/course COURSE_DATA=/srv/course-data COURSE_SHARED=/srv/course-data
ENV JUPYTER_CONFIG_PATH=/srv/course/course_lib/authoring/jupyter PYTHON=python OMP_NUM_THREADS=1
COPY . ${COURSE}
WORKDIR ${COURSE}
# As the Makefile installs: all files are checked by their hashes, but those of another PyTorch.
RUN awk '/^[a-z]/ { uv = /^uv==/ } uv' hashes.txt > /tmp/uv.txt \
    && awk '/^[a-z]/ { other = /^(torch|torchvision|triton|cuda|nvidia)[-=]/ } !other' hashes.txt > /tmp/hashes.txt \
    && python -m pip install --no-cache-dir --only-binary :all: -r /tmp/uv.txt \
    && uv pip install --system --no-cache --compile-bytecode --torch-backend=cpu -b /tmp/hashes.txt \
        -c /tmp/hashes.txt -c constraints.txt -e ".[hub]" \
    && jupyter execute --timeout=1800 notebooks/00_*.ipynb notebooks/02_*.ipynb notebooks/03_*.ipynb \
    && chown -R ${NB_USER} ${COURSE} ${COURSE_DATA} \
    && rm -rf /tmp/* /root/.cache /root/.config /root/.ipython
USER ${NB_USER}
RUN python -m course_lib copies
EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--LabApp.default_url=/lab/tree/notebooks/mine/00_start_here.ipynb"]
