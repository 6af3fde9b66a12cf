"""Each shim is still needed: without it, what it mends breaks.

When one of these fails after an upgrade, remove the shim it belongs to.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def _python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**clean, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        timeout=300,
        check=False,
    )


def test_the_import_hook_is_needed_as_protobuf_refuses_the_generated_files():
    done = _python("import object_detection.protos.pipeline_pb2")
    assert done.returncode != 0
    assert "Descriptors cannot be created directly" in done.stderr


def test_legacy_keras_control_flow_and_estimator_shims_are_needed():
    done = _python(
        "import os, tensorflow as tf\n"
        "print('keras', tf.keras.__version__)\n"
        "from tensorflow.python.ops import control_flow_ops\n"
        "names = ('case', 'cond', 'while_loop')\n"
        "print('moved', [n for n in names if not hasattr(control_flow_ops, n)])\n"
        "print('estimator', hasattr(tf.compat.v1, 'estimator'))\n"
        "import keras; print('import keras', keras.__version__)\n"
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("keras 3")
    assert lines[1] == "moved ['case', 'cond', 'while_loop']"
    assert lines[2] == "estimator False"
    assert lines[3].startswith("import keras 3")


def test_the_tensorflow_io_stub_is_needed_as_its_plugins_do_not_load():
    done = _python("import tensorflow_io")
    assert "unable to load" in done.stderr or done.returncode != 0


def test_protos_load_without_tensorflow():
    done = _python(
        "import sys\n"
        "from od.odapi.protos import proto_module\n"
        "message = proto_module('pipeline').TrainEvalPipelineConfig()\n"
        "message.model.ssd.num_classes = 3\n"
        "assert type(message).FromString(message.SerializeToString()) == message\n"
        "print('tensorflow' in sys.modules)\n"
    )
    assert done.stdout == "False\n", done.stderr


def test_a_tensorflow_imported_with_keras_3_ends_in_a_clear_error(monkeypatch):
    from od.errors import MissingDependencyError
    from od.odapi.shims import use_legacy_keras

    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    with pytest.raises(MissingDependencyError, match="Keras 3") as error:
        use_legacy_keras()
    assert error.value.hint
