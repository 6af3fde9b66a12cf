"""Runs inside the Myriad toolchain: OpenVINO 2021.4.2 behind lines of JSON.

A request is one line on stdin, ``{"command": "load", ...}``; its answer is one line on
stdout, ``{"ok": true, ...}`` or ``{"ok": false, "kind": ..., "error": ...}``.  Frames and
results stand in a file that both processes map.  Nothing else is ever written to stdout:
what libraries print there goes to stderr.  When stdin ends, the process ends.

Written for Python 3.6 to 3.9; needs NumPy and openvino.inference_engine only.
"""

import faulthandler
import glob
import json
import mmap
import os
import queue
import signal
import sys
import threading
import time
from typing import Any, Callable, Dict, List
from xml.etree import ElementTree

PLATFORMS = {"myriad2": "VPU_MYRIAD_2450", "myriadx": "VPU_MYRIAD_2480"}
# What the plugin says when it compiled and then looked for a stick to load the blob into.
COMPILED = "no available devices"


class Unreadable(Exception):
    """The file is no model, or none that this release reads."""


class Refused(Exception):
    """A device's plugin does not take the model, or fails at it."""


class DeviceGone(Exception):
    """A device that should do something does not answer."""


class Worker(object):
    """One loaded model at a time, and what can be asked without one."""

    def __init__(self) -> None:
        from openvino.inference_engine import IECore, get_version

        self._new_core = IECore
        self._core = IECore()
        self.version = str(get_version())
        self._network = None  # type: Any
        self._device = ""
        self._requests = 1
        self._in_flight = set()  # type: Any
        self._map = None  # type: Any
        self._frames = []  # type: List[Any]
        self._results = []  # type: List[Any]

    def devices(self) -> Dict[str, Any]:
        """Name the devices that are there now."""
        return {"devices": [str(name) for name in self._core.available_devices]}

    def query(self, xml: str) -> Dict[str, Any]:
        """List the layers that a stick cannot run."""
        network = self._read(xml)
        try:
            supported = set(self._core.query_network(network, "MYRIAD"))
        except Exception as error:
            raise Refused(str(error)) from error
        layers = [
            [layer.get("name"), layer.get("type")]
            for layer in ElementTree.parse(xml).iter("layer")
            if layer.get("type") not in ("Parameter", "Const", "Result")
        ]
        return {"layers": len(layers), "unsupported": [n for n in layers if n[0] not in supported]}

    def compile(self, xml: str, output: str, cache: str, chip: str, shaves: int) -> Dict[str, Any]:
        """Compile a blob; with no stick there the plugin's cache is where it comes out."""
        begin = time.time()
        network = self._read(xml)
        for info in network.input_info.values():
            info.precision = "U8"
        for data in network.outputs.values():
            data.precision = "FP16"
        core = self._new_core()  # its settings go with it
        core.set_config({"CACHE_DIR": cache}, "")
        config = {
            "VPU_MYRIAD_PLATFORM": PLATFORMS[chip],
            "MYRIAD_NUMBER_OF_SHAVES": str(shaves),
            "MYRIAD_NUMBER_OF_CMX_SLICES": str(shaves),
            "MYRIAD_THROUGHPUT_STREAMS": "1",
        }
        reason = ""
        try:
            core.load_network(network, "MYRIAD", config)
        except Exception as error:
            reason = str(error)
        files = glob.glob(os.path.join(cache, "*.blob"))
        if len(files) != 1:
            raise Refused(reason or "it left no blob")
        with open(files[0], "rb") as file:
            header = file.readline()  # an XML element that names the version
            blob = file.read()
        with open(output, "wb") as file:
            file.write(blob)
        said = "" if COMPILED in reason else reason
        return {
            "seconds": time.time() - begin,
            "header": header.decode("utf-8", "replace").strip(),
            "said": said,
            "config": config,
        }

    def load(self, model: str, device: str, requests: int) -> Dict[str, Any]:
        """Load an IR on a device; frames and results follow with ``attach``."""
        network = self._read(model)
        if len(network.input_info) != 1 or len(network.outputs) != 1:
            raise Refused(
                "it has {} inputs and {} outputs, expected one of each".format(
                    len(network.input_info), len(network.outputs)
                )
            )
        self._input, info = next(iter(network.input_info.items()))
        self._output, data = next(iter(network.outputs.items()))
        info.precision = "U8"
        data.precision = "FP32"
        config = {}  # type: Dict[str, str]
        if device == "CPU":
            cores = _cores()
            config = {
                "ENFORCE_BF16": "NO",  # else an AMX machine rounds to 8 bits of mantissa
                "CPU_THREADS_NUM": str(cores),
                "CPU_THROUGHPUT_STREAMS": str(max(1, min(requests, cores))),
            }
        try:
            self._network = self._core.load_network(network, device, config, requests)
        except Exception as error:
            words = str(error)
            signs = (COMPILED, "NC_ERROR", "NC_DEVICE", "X_LINK", "Can not init Myriad device")
            if device != "CPU" and any(sign in words for sign in signs):
                raise DeviceGone(words) from error
            raise Refused(words) from error
        self._device, self._requests = device, requests
        self._in_flight = set()
        return {
            "input": [int(n) for n in info.input_data.shape],
            "output": [int(n) for n in data.shape],
        }

    def attach(self, path: str, shapes: List[List[int]]) -> Dict[str, Any]:
        """Map the file that holds, for each request, a frame and room for its result."""
        import numpy as np

        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._frames, self._results = [], []
        offset = 0
        for _ in range(self._requests):
            kinds = ((np.uint8, self._frames), (np.float32, self._results))
            for shape, (kind, into) in zip(shapes, kinds):
                count = int(np.prod(shape))
                view = np.frombuffer(self._map, kind, count, offset).reshape(shape)
                into.append(view)
                offset += -(-view.nbytes // 64) * 64
        return {}

    def infer(self) -> Dict[str, Any]:
        """Run request 0 from its frame to its result."""
        self.start(0)
        return self.wait()

    def start(self, request: int) -> Dict[str, Any]:
        """Start a request on its frame."""
        try:
            self._network.requests[request].async_infer({self._input: self._frames[request]})
        except Exception as error:
            raise self._lost(str(error)) from error
        self._in_flight.add(request)
        return {}

    def wait(self) -> Dict[str, Any]:
        """Wait for any request in flight and write its result."""
        if not self._in_flight:
            raise ValueError("no request is in flight")
        idle = self._requests - len(self._in_flight) + 1
        try:
            while True:
                self._network.wait(num_requests=idle, timeout=-1)
                for request in sorted(self._in_flight):
                    if self._ended(request):
                        self._in_flight.discard(request)
                        return {"request": request}
                time.sleep(0.0005)  # a request counts as idle a moment before it says it ended
        except Exception as error:
            raise self._lost(str(error)) from error

    def _ended(self, request: int) -> bool:
        status = self._network.requests[request].wait(0)
        if status in (RESULT_NOT_READY, INFER_NOT_STARTED):
            return False
        if status != 0:
            raise RuntimeError("the request ended with status {}".format(status))
        result = self._results[request]
        blob = self._network.requests[request].output_blobs[self._output]
        result[:] = blob.buffer.reshape(result.shape)
        return True

    def _read(self, xml: str) -> Any:
        try:
            return self._core.read_network(xml)
        except Exception as error:
            raise Unreadable(str(error)) from error

    def _lost(self, words: str) -> Exception:
        self._in_flight = set()
        return Refused(words) if self._device == "CPU" else DeviceGone(words)


# Of enum StatusCode, ie_common.h of OpenVINO 2021.4.
RESULT_NOT_READY, INFER_NOT_STARTED = -9, -11


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _requests(lines: Any) -> "queue.Queue[Dict[str, Any]]":
    """Read requests on a thread of their own, so that the parent's death is seen at once."""
    waiting = queue.Queue()  # type: queue.Queue[Dict[str, Any]]

    def read() -> None:
        for line in lines:
            waiting.put(json.loads(line))
        os._exit(0)  # the parent closed the pipe or died; a command in the middle ends too

    threading.Thread(target=read, daemon=True).start()
    return waiting


def _answer(handle: Callable[..., Dict[str, Any]], arguments: Dict[str, Any]) -> Dict[str, Any]:
    try:
        answer = handle(**arguments)
    except Unreadable as error:
        return {"ok": False, "kind": "unreadable", "error": str(error)}
    except Refused as error:
        return {"ok": False, "kind": "refused", "error": str(error)}
    except DeviceGone as error:
        return {"ok": False, "kind": "gone", "error": str(error)}
    except OSError as error:
        words = "{}: {}".format(error.filename or "a file", error.strerror or error)
        return {"ok": False, "kind": "system", "error": words, "errno": error.errno}
    except Exception as error:
        words = "{}: {}".format(type(error).__name__, error)
        return {"ok": False, "kind": "failed", "error": words}
    answer["ok"] = True
    return answer


def main() -> None:
    """Answer requests until stdin ends."""
    faulthandler.enable(all_threads=False)  # the parent quotes it when a library crashes
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def send(answer: Dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    requests = _requests(sys.stdin)
    worker = Worker()
    send({"ok": True, "version": worker.version})
    while True:
        request = requests.get()
        send(_answer(getattr(worker, request.pop("command")), request))


if __name__ == "__main__":
    main()
