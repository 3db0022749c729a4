#!/bin/sh
# Makes src/onnx/generated/onnx_pb.ts from src/onnx/onnx.proto. The two generators come through npx, so that
# the package does not depend on them; keep the plugin's version with that of @bufbuild/protobuf.
set -eu
cd "$(dirname "$0")/.."

npx --yes --package=@bufbuild/buf@1.75.0 --package=@bufbuild/protoc-gen-es@2.17.0 -- \
  buf generate src/onnx --template '{
    "version": "v2",
    "plugins": [{
      "local": "protoc-gen-es",
      "out": "src/onnx/generated",
      "opt": ["target=ts", "import_extension=js", "erasable_syntax=true"]
    }]
  }'
