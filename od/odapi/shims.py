"""What makes the OD API of 2022 run on a TensorFlow of today, each thing once, with its reason.

``prepare_imports`` must run before ``tensorflow`` is first imported; a process that
has imported it with another Keras is told so.  A test for each shim fails when the
shim is no longer needed.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any

from od.errors import MissingDependencyError
from od.odapi.protos import install_import_hook

# tf_slim 1.1.0 looks these up on control_flow_ops; TensorFlow 2.13 moved them to modules
# of their own.
MOVED_CONTROL_FLOW = {
    "case": "tensorflow.python.ops.control_flow_case",
    "cond": "tensorflow.python.ops.cond",
    "while_loop": "tensorflow.python.ops.while_loop",
}
ESTIMATOR = "tensorflow.compat.v1.estimator"


class _Stub(ModuleType):
    """A module whose every attribute is another such module; nothing of it is ever called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        stub = _Stub(f"{self.__name__}.{name}")
        setattr(self, name, stub)
        return stub


def use_legacy_keras() -> None:
    """Make ``tf.keras`` Keras 2: the OD API is Keras 2 code, and TensorFlow brings Keras 3."""
    if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
        raise MissingDependencyError(
            "tensorflow was imported with Keras 3 before od, which needs Keras 2",
            hint="import od first, or set TF_USE_LEGACY_KERAS=1",
        )
    os.environ["TF_USE_LEGACY_KERAS"] = "1"


def point_keras_at_tf_keras() -> None:
    """Let ``import keras`` mean Keras 2, as several modules of the OD API expect."""
    tf_keras = importlib.import_module("tf_keras")
    sys.modules["keras"] = tf_keras


def restore_control_flow_names() -> None:
    """Give ``control_flow_ops`` back the names that tf_slim looks for."""
    ops = importlib.import_module("tensorflow.python.ops.control_flow_ops")
    for name, module in MOVED_CONTROL_FLOW.items():
        if not hasattr(ops, name):
            setattr(ops, name, getattr(importlib.import_module(module), name))


def stub_estimator() -> None:
    """Put a stub where ``tensorflow.compat.v1.estimator`` was, until TensorFlow 2.16.

    ``object_detection.model_lib`` and ``inputs`` look attributes up on it at import.
    """
    v1 = importlib.import_module("tensorflow.compat.v1")
    if not hasattr(v1, "estimator"):
        stub = _Stub(ESTIMATOR)
        sys.modules[ESTIMATOR] = stub
        v1.__dict__["estimator"] = stub


def stub_tensorflow_io() -> None:
    """Put a stub where tensorflow_io is: its plugins do not load into this TensorFlow.

    Only ``deepmac_meta_arch`` imports it, for one colour conversion of DeepMAC; importing
    the real one costs a second and prints two warnings of missing symbols.
    """
    sys.modules.setdefault("tensorflow_io", _Stub("tensorflow_io"))


def prepare_imports() -> None:
    """Apply every shim; calling it again does nothing new.

    Raises:
        MissingDependencyError: TensorFlow or Keras 2 is missing, broken, or came too early.
    """
    install_import_hook()
    use_legacy_keras()
    try:
        point_keras_at_tf_keras()
        restore_control_flow_names()
        stub_estimator()
        stub_tensorflow_io()
    except ImportError as error:
        raise MissingDependencyError(
            f"TensorFlow cannot be imported: {error}", hint="run od doctor"
        ) from error
