#!/bin/sh
# Makes the venv $1 with what a peer runs on, as constraints.txt pins it, and takes out what no peer ever reads.
#
# torch comes first: with the pin, the CPU build of it satisfies everything that follows. The list of dependencies is
# that of pyproject.toml: there is no second one.
set -eu
venv=$1

python -m venv --without-pip "$venv"
add() {
  python -m pip --python "$venv/bin/python" install --quiet -c constraints.txt \
    ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} "$@"
}
add torch
python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' >wanted
add -r wanted

# headers, tests, and programs for builds: nothing of it is ever imported or run, as the last lines show
packages=$(echo "$venv"/lib/python3.*/site-packages)
rm -rf "$packages"/torch/include "$packages"/torch/share "$packages"/torch/test
find "$packages"/torch/bin -type f ! -name torch_shm_manager -delete
for package in numpy scipy sklearn sympy networkx joblib onnx; do
  find "$packages/$package" -type d -name tests -prune -exec rm -rf {} +
done
rm -rf "$packages"/onnx/backend/test
"$venv/bin/python" -c 'import onnx, safetensors.torch, sklearn.datasets, torch, torch.onnx'
ORT_DISABLE_TELEMETRY=1 "$venv/bin/python" -c 'import onnxruntime'
