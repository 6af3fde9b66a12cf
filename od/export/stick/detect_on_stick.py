#!/usr/bin/env python3
"""Find objects with the model of this folder, on Neural Compute Sticks or on the CPU.

    python3 detect_on_stick.py photo.jpg photos/ --save drawn
    python3 detect_on_stick.py video.mp4 --json > found.jsonl
    python3 detect_on_stick.py camera:0 --show
    python3 detect_on_stick.py photo.jpg --device CPU        without a stick

Needs Python 3.6 or later, NumPy, OpenCV or Pillow, and OpenVINO: 2020.3 for the first stick,
2021.4 or 2022.3 for the Neural Compute Stick 2, any of these or a later one for --device CPU.
Videos, cameras and --show need OpenCV.
"""

import argparse
import collections
import json
import os
import sys
import time

import numpy as np

try:
    import cv2
except ImportError:
    cv2 = None

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")
REQUESTS = 4  # in flight on each stick: one at a time leaves it idle half of the time
COLOURS = ((230, 60, 60), (60, 160, 230), (60, 190, 90), (240, 170, 40), (170, 90, 220))


class Problem(Exception):
    """Something the user can mend: what is wrong, and the way out."""

    def __init__(self, text, hint):
        super(Problem, self).__init__(text)
        self.hint = hint


class Gone(Exception):
    """A stick does not answer any more."""


# --- the model's facts and the images -------------------------------------------------------


def read_facts():
    """Return the input's description and the class names, as od wrote them."""
    try:
        with open(os.path.join(HERE, "od.json"), encoding="utf-8") as file:
            spec = json.load(file)["input_spec"]
        with open(os.path.join(HERE, "labels.txt"), encoding="utf-8") as file:
            names = file.read().split("\n")
    except (OSError, ValueError, KeyError) as error:
        raise Problem(
            "%s: od.json or labels.txt cannot be read: %s" % (HERE, error),
            "copy the whole folder that od export made",
        )
    return spec, names


def read_image(path):
    """Return an image as upright RGB, uint8 (H, W, 3)."""
    try:
        if cv2 is not None:
            pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
            if pixels is None:
                raise ValueError("it is no image that can be decoded")
            return np.ascontiguousarray(pixels[:, :, ::-1])
        from PIL import Image, ImageOps

        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image) or image
            return np.array(upright.convert("RGB"))
    except ImportError:
        raise Problem(
            "neither OpenCV nor Pillow is installed",
            "pip3 install opencv-python, or pip3 install pillow",
        )
    except (OSError, ValueError, SyntaxError) as error:
        raise Problem("%s: cannot be read: %s" % (path, error), "replace it by an intact copy")
    except Exception as error:  # cv2.error is no subclass of these
        raise Problem("%s: cannot be read: %s" % (path, error), "replace it by an intact copy")


def neighbours(old, new):
    """Return both source places of each new pixel along one side, and how far between."""
    place = np.arange(new, dtype=np.float32) * (np.float32(old) / np.float32(new))
    lower = np.minimum(place.astype(np.intp), old - 1)
    return lower, np.minimum(lower + 1, old - 1), place - lower.astype(np.float32)


def resize(image, height, width):
    """Resize as TensorFlow's Object Detection API does, which the model was trained with.

    Pixel i looks at i * in / out. OpenCV and Pillow look elsewhere, and boxes would shift.
    """
    if image.shape[:2] == (height, width):
        return image
    top, bottom, down = neighbours(image.shape[0], height)
    left, right, across = neighbours(image.shape[1], width)
    across = across[None, :, None]

    def row(places):
        lines = image[places]
        first = lines[:, left].astype(np.float32)
        return first + (lines[:, right] - first) * across

    upper = row(top)
    return np.rint(upper + (row(bottom) - upper) * down[:, None, None]).astype(np.uint8)


def content_size(spec, height, width):
    """Return (height, width) that an image takes up in the input; the rest is padding."""
    target = (spec["height"], spec["width"])
    if spec["resize"] != "pad":
        return target
    size = np.array([height, width], np.float32)
    scale = (np.array(target, np.float32) / size).min()
    inner = np.round(scale * size).astype(int)
    return max(1, int(inner[0])), max(1, int(inner[1]))


def prepare(image, spec):
    """Return an image as the model takes it: uint8 (1, 3, H, W)."""
    height, width = content_size(spec, image.shape[0], image.shape[1])
    frame = np.empty((spec["height"], spec["width"], 3), np.uint8)
    frame[:] = np.array(spec.get("pad_value", (0, 0, 0)), np.uint8)
    frame[:height, :width] = resize(image, height, width)
    if spec["channels"] == "bgr":
        frame = frame[:, :, ::-1]
    return np.ascontiguousarray(frame.transpose(2, 0, 1)[None])


def to_objects(rows, spec, names, shape, threshold):
    """Turn the model's rows into objects in pixels of the image, best first."""
    height, width = shape
    inner = content_size(spec, height, width)
    across = spec["width"] / float(inner[1]) * width
    down = spec["height"] / float(inner[0]) * height
    objects = []
    for row in np.asarray(rows, np.float32).reshape(-1, 7):
        if row[0] < 0:
            break
        score, class_id = float(row[2]), int(row[1])
        box = [
            min(max(float(value) * scale, 0.0), float(limit))
            for value, scale, limit in zip(
                row[3:7], (across, down, across, down), (width, height, width, height)
            )
        ]
        if score < threshold or box[2] <= box[0] or box[3] <= box[1]:
            continue
        name = names[class_id] if class_id < len(names) else "class %d" % class_id
        objects.append(
            {
                "class": name,
                "class_id": class_id,
                "score": round(score, 5),
                "box": [round(value, 2) for value in box],
            }
        )
    return sorted(objects, key=lambda found: -found["score"])


# --- OpenVINO, older and newer --------------------------------------------------------------


class NewCore(object):
    """OpenVINO 2022.1 and later."""

    def __init__(self):
        try:
            from openvino import Core
        except ImportError:
            from openvino.runtime import Core
        self.core = Core()

    def devices(self):
        return list(self.core.available_devices)

    def load(self, xml, device, count):
        """Return requests on a device, each with start(frame) and poll()."""
        model = self.core.read_model(xml)
        compiled = first_that_works(
            lambda config: self.core.compile_model(model, device, config), device
        )
        return [NewRequest(compiled.create_infer_request()) for _ in range(count)]


class NewRequest(object):
    def __init__(self, request):
        self.request = request

    def start(self, frame):
        self.request.start_async({0: frame})

    def poll(self):
        """Return the rows when they are there, else None."""
        if not self.request.wait_for(0):
            return None
        return np.array(self.request.get_output_tensor(0).data).reshape(-1, 7)


class OldCore(object):
    """OpenVINO 2020.3 to 2021.4."""

    def __init__(self):
        from openvino.inference_engine import IECore

        self.core = IECore()

    def devices(self):
        return list(self.core.available_devices)

    def load(self, xml, device, count):
        network = self.core.read_network(model=xml, weights=xml[:-4] + ".bin")
        inputs = network.input_info if hasattr(network, "input_info") else network.inputs
        name = next(iter(inputs))
        inputs[name].precision = "U8"
        loaded = first_that_works(
            lambda config: self.core.load_network(network, device, config, num_requests=count),
            device,
        )
        output = next(iter(network.outputs))
        return [OldRequest(loaded, request, name, output) for request in loaded.requests]


class OldRequest(object):
    def __init__(self, loaded, request, name, output):
        self.loaded = loaded  # a request does not keep its network alive and would crash
        self.request, self.name, self.output = request, name, output

    def start(self, frame):
        self.request.async_infer({self.name: frame})

    def poll(self):
        status = self.request.wait(0)
        if status == -9:  # RESULT_NOT_READY
            return None
        if status != 0:
            raise RuntimeError("the request ended with status %d" % status)
        if hasattr(self.request, "output_blobs"):
            rows = self.request.output_blobs[self.output].buffer
        else:
            rows = self.request.outputs[self.output]
        return np.array(rows).reshape(-1, 7)


def first_that_works(load, device):
    """Load with full precision on a CPU; each release has its own word for it, or none."""
    configs = [{}]
    if device == "CPU":
        configs = [{"INFERENCE_PRECISION_HINT": "f32"}, {"ENFORCE_BF16": "NO"}, {}]
    for config in configs[:-1]:
        try:
            return load(config)
        except Exception:  # an unknown key: each release raises something else
            continue
    return load(configs[-1])


def open_core():
    for kind in (NewCore, OldCore):
        try:
            return kind()
        except ImportError:
            continue
    raise Problem(
        "OpenVINO is not installed for %s" % sys.executable,
        "README.md in this folder says which release for which stick and how",
    )


class Device(object):
    """A stick or the CPU with the model loaded, and what it works on."""

    def __init__(self, name, requests):
        self.name = name
        self.free = list(requests)
        self.busy = collections.OrderedDict()

    def start(self, number, frame):
        request = self.free.pop()
        self.busy[number] = (request, frame)
        try:
            request.start(frame)
        except Exception as error:
            raise Gone(str(error))

    def collect(self):
        """Return (number, rows) of what has been finished."""
        done = []
        for number, (request, _) in list(self.busy.items()):
            try:
                rows = request.poll()
            except Exception as error:
                raise Gone(str(error))
            if rows is not None:
                del self.busy[number]
                self.free.append(request)
                done.append((number, rows))
        return done


def open_devices(wanted):
    """Load the model onto every stick, or onto the CPU."""
    core = open_core()
    known = core.devices()
    xml = os.path.join(HERE, "model.xml")
    if wanted == "MYRIAD":
        names = [name for name in known if name.startswith("MYRIAD")]
        if not names:
            raise Problem(
                "no Neural Compute Stick found; OpenVINO sees %s" % (", ".join(known) or "nothing"),
                "plug it in and set up 97-myriad.rules (see README.md), or try --device CPU",
            )
    else:
        names = [wanted]
    devices, reasons = [], []
    for name in names:
        try:
            devices.append(Device(name, core.load(xml, name, REQUESTS)))
        except Exception as error:  # busy, or pulled out just now, or a broken IR
            reasons.append("%s: %s" % (name, last_line(error)))
            say(reasons[-1])
    if not devices:
        raise Problem(
            "%s: no device takes it: %s" % (xml, reasons[-1]),
            "close other programs that use the stick; copy the folder again; see README.md",
        )
    return devices


def last_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def detect(frames, devices, spec):
    """Yield (frame, rows) in the order of the frames, every device at work.

    A stick that vanishes gives its frames to the others.
    """
    devices = list(devices)
    frames = iter(frames)
    held, waiting, finished = {}, collections.deque(), {}
    read, given, ended = 0, 0, False
    while True:
        while not ended and read - given < 2 * REQUESTS * len(devices):
            frame = next(frames, None)
            if frame is None:
                ended = True
                break
            held[read] = frame
            if frame.image is None:
                finished[read] = None
            else:
                waiting.append((read, prepare(frame.image, spec)))
            read += 1
        progress = False
        for device in list(devices):
            try:
                while waiting and device.free:
                    device.start(*waiting.popleft())
                for number, rows in device.collect():
                    finished[number] = rows
                    progress = True
            except Gone as reason:
                devices.remove(device)
                back = [(number, frame) for number, (_, frame) in device.busy.items()]
                waiting.extendleft(reversed(back))
                if not devices:
                    raise Problem(
                        "%s: does not answer any more: %s" % (device.name, reason),
                        "plug the stick in again, best without a hub, and run this again",
                    )
                say("%s is gone; %d others go on" % (device.name, len(devices)))
        while given in finished:
            yield held.pop(given), finished.pop(given)
            given += 1
            progress = True
        if ended and given == read:
            return
        if not progress:
            time.sleep(0.001)


# --- where frames come from -----------------------------------------------------------------


class Frame(object):
    """One image; image is None when it could not be read."""

    def __init__(self, source, number, image, problem=None):
        self.source, self.number, self.image = source, number, image
        self.problem, self.time = problem, time.time()


def is_stream(source):
    return source.startswith("camera:") or source.lower().endswith(VIDEOS)


def frames_of(sources):
    for source in sources:
        if is_stream(source):
            for frame in video_frames(source):
                yield frame
            continue
        for path in image_files(source):
            try:
                yield Frame(path, 0, read_image(path))
            except Problem as problem:
                yield Frame(path, 0, None, problem)


def image_files(source):
    if not os.path.isdir(source):
        return [source]
    found = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(source)
        for name in names
        if name.lower().endswith(IMAGES) and not name.startswith(".")
    ]
    return sorted(found)


def check_sources(sources):
    """Refuse what is not there before anything is loaded."""
    for source in sources:
        if source.startswith("camera:"):
            if not source[len("camera:") :].isdigit():
                raise Problem("%s: no such camera" % source, "camera:0 is the first one")
        elif not os.path.exists(source):
            raise Problem("%s: does not exist" % source, "give images, folders or videos")
        elif os.path.isdir(source) and not image_files(source):
            raise Problem("%s: no image in this folder" % source, "give images or another folder")
        if is_stream(source) and cv2 is None:
            raise Problem("%s: needs OpenCV" % source, "pip3 install opencv-python")


def video_frames(source):
    camera = source.startswith("camera:")
    capture = cv2.VideoCapture(int(source[len("camera:") :]) if camera else source)
    if not capture.isOpened():
        raise Problem("%s: cannot be opened" % source, "check the path, or that it is plugged in")
    number = 0
    try:
        while True:
            good, pixels = capture.read()
            if not good:
                if number == 0:
                    raise Problem("%s: gives no picture" % source, "try it in another program")
                return
            yield Frame(source, number, np.ascontiguousarray(pixels[:, :, ::-1]))
            number += 1
    finally:
        capture.release()


# --- what is shown --------------------------------------------------------------------------


def say(text):
    sys.stderr.write(text + "\n")


def draw(image, objects):
    """Return a copy of an RGB image with boxes and names."""
    texts = ["%s %.2f" % (found["class"], found["score"]) for found in objects]
    if cv2 is not None:
        drawn = image.copy()
        for found, text in zip(objects, texts):
            colour = COLOURS[found["class_id"] % len(COLOURS)]
            left, top, right, bottom = [int(round(value)) for value in found["box"]]
            cv2.rectangle(drawn, (left, top), (right, bottom), colour, 2)
            at = (left + 2, max(top - 4, 12))
            plain = text.encode("ascii", "replace").decode()
            cv2.putText(drawn, plain, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
        return drawn
    from PIL import Image, ImageDraw

    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    for found, text in zip(objects, texts):
        colour = COLOURS[found["class_id"] % len(COLOURS)]
        pen.rectangle(found["box"], outline=colour)
        plain = text.encode("latin-1", "replace").decode("latin-1")
        pen.text((found["box"][0] + 2, max(found["box"][1] - 12, 0)), plain, fill=colour)
    return np.array(canvas)


class Saver(object):
    """Writes drawn images, and one video for each video or camera."""

    def __init__(self, folder):
        self.folder, self.taken, self.videos = folder, set(), {}
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise Problem("%s: cannot be made: %s" % (folder, error), "choose another --save")

    def free_name(self, stem, ending):
        name, number = stem + ending, 1
        while name.lower() in self.taken:
            number += 1
            name = "%s-%d%s" % (stem, number, ending)
        self.taken.add(name.lower())
        return os.path.join(self.folder, name)

    def save(self, frame, drawn):
        stem = os.path.splitext(os.path.basename(frame.source.replace(":", "-")))[0]
        if is_stream(frame.source):
            if frame.source not in self.videos:
                size = (drawn.shape[1], drawn.shape[0])
                code = cv2.VideoWriter_fourcc(*"mp4v")
                path = self.free_name(stem, ".mp4")
                self.videos[frame.source] = cv2.VideoWriter(path, code, 20.0, size)
            self.videos[frame.source].write(np.ascontiguousarray(drawn[:, :, ::-1]))
            return
        path = self.free_name(stem, ".jpg")
        if cv2 is not None:
            good, data = cv2.imencode(".jpg", np.ascontiguousarray(drawn[:, :, ::-1]))
            data.tofile(path)
        else:
            from PIL import Image

            Image.fromarray(drawn).save(path, quality=90)

    def close(self):
        for video in self.videos.values():
            video.release()


def report(frame, objects, as_json):
    if as_json:
        line = {
            "source": frame.source,
            "frame": frame.number,
            "time": round(frame.time, 3),
            "width": frame.image.shape[1],
            "height": frame.image.shape[0],
            "objects": objects,
        }
        print(json.dumps(line))
        sys.stdout.flush()
        return
    where = frame.source + (" frame %d" % frame.number if is_stream(frame.source) else "")
    if not objects:
        print("%s: nothing" % where)
    for found in objects:
        box = " ".join("%.0f" % value for value in found["box"])
        print("%s: %s %.2f at %s" % (where, found["class"], found["score"], box))


def show(drawn):
    """Show a picture in a window; False when the user pressed q or Escape."""
    cv2.imshow("detect_on_stick", np.ascontiguousarray(drawn[:, :, ::-1]))
    return cv2.waitKey(1) & 0xFF not in (ord("q"), 27)


def run(options):
    """Return the exit status."""
    spec, names = read_facts()
    check_sources(options.source)
    if options.show and cv2 is None:
        raise Problem("--show needs OpenCV", "pip3 install opencv-python")
    devices = open_devices(options.device.upper())
    saver = Saver(options.save) if options.save else None
    started, count, broken = time.time(), 0, 0
    try:
        for frame, rows in detect(frames_of(options.source), devices, spec):
            if frame.problem is not None:
                broken += 1
                say("Error: %s" % frame.problem)
                continue
            shape = frame.image.shape[:2]
            objects = to_objects(rows, spec, names, shape, options.threshold)
            report(frame, objects, options.json)
            count += 1
            if saver is None and not options.show:
                continue
            drawn = draw(frame.image, objects)
            if saver is not None:
                saver.save(frame, drawn)
            if options.show and not show(drawn):
                break
    except KeyboardInterrupt:
        pass
    finally:
        if saver is not None:
            saver.close()
    seconds = max(time.time() - started, 1e-6)
    on = ", ".join(device.name for device in devices)
    say("%d images in %.1f s, %.1f a second, on %s" % (count, seconds, count / seconds, on))
    if broken:
        say("Hint: %d could not be read; the others are done" % broken)
    return 1 if broken else 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="Which OpenVINO for which stick: README.md in this folder.",
    )
    parser.add_argument("source", nargs="+", help="images, folders, videos, camera:0")
    parser.add_argument("--device", default="MYRIAD", help="MYRIAD (all sticks, default) or CPU")
    parser.add_argument("--threshold", type=float, default=0.5, help="lowest score (0.5)")
    parser.add_argument("--save", metavar="DIR", help="write images with boxes drawn")
    parser.add_argument("--json", action="store_true", help="one JSON object a frame")
    parser.add_argument("--show", action="store_true", help="a window; q ends it")
    options = parser.parse_args()
    # A terminal without UTF-8 shows a Korean name as question marks instead of ending here.
    sys.stdout = open(1, "w", encoding=sys.stdout.encoding, errors="replace", closefd=False)
    try:
        return run(options)
    except Problem as problem:
        say("Error: %s\nHint: %s" % (problem, problem.hint))
        return 1


if __name__ == "__main__":
    sys.exit(main())
