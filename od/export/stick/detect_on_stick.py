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
import glob
import io
import json
import os
import sys
import time

import numpy as np

try:
    import cv2
except ImportError:
    cv2 = None
try:
    from PIL import Image, ImageDraw, features
except ImportError:
    Image = None

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")
REQUESTS = 4  # in flight on each stick: one at a time leaves it idle half of the time
SILENCE = 60.0  # seconds after which a device that was given images counts as gone
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
            names = file.read().rstrip("\n").split("\n")
        known = spec["resize"] in ("stretch", "pad") and spec["channels"] in ("bgr", "rgb")
        if not known or min(spec["height"], spec["width"]) < 1 or spec["layout"] != "NCHW":
            raise ValueError("it is not from od export --target myriad")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Problem(
            "%s: od.json or labels.txt cannot be read: %s" % (HERE, last_line(error)),
            "this script belongs into the folder that od export made: copy all of it",
        )
    return spec, names


def read_image(path):
    """Return an image as upright RGB, uint8 (H, W, 3)."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        if not data:
            raise ValueError("it is empty")
        # A JPEG whose last scan is not followed by an end marker was cut off; OpenCV fills the
        # rest with grey and says nothing.
        if is_jpeg(data) and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
            raise ValueError("it ends in the middle")
        if cv2 is not None and (Image is None or is_jpeg(data) and not pillow_is_exact()):
            return read_with_opencv(data)
        return read_with_pillow(data)
    except Exception as error:  # each decoder has its own kinds
        raise Problem(
            "%s: cannot be read: %s" % (path, last_line(error)), "replace it by an intact copy"
        )


def is_jpeg(data):
    return data[:2] == b"\xff\xd8"


def pillow_is_exact():
    """Pillow's older wheels decode JPEG without libjpeg-turbo: other pixels, so other boxes."""
    try:
        return bool(features.check("libjpeg_turbo"))
    except Exception:  # older still: it does not know the word
        return False


def orientation(image):
    """Return the EXIF orientation, None where this Pillow cannot tell."""
    # Pillow 5, which Debian 10 has, knows it for JPEG only and keeps it hidden.
    read = getattr(image, "getexif", None) or getattr(image, "_getexif", dict)
    try:
        return (read() or {}).get(0x0112, 1)
    except Exception:
        return None


def read_with_pillow(data):
    with Image.open(io.BytesIO(data)) as image:
        turned = orientation(image)
        image.load()  # some kinds are turned by this, others tell only after it
        after = orientation(image)
        turned = turned if after is None else after
        if image.mode.startswith("I"):  # 16 bits, under two names
            grey = (np.array(image) >> 8).clip(0, 255).astype(np.uint8)
            pixels = np.repeat(grey[:, :, None], 3, axis=2)
        elif image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
            layer = image.convert("RGBA")
            white = Image.new("RGBA", layer.size, "white")
            pixels = np.array(Image.alpha_composite(white, layer).convert("RGB"))
        else:
            pixels = np.array(image.convert("RGB"))
    if turned in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if turned in (3, 4, 6, 7):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels.swapaxes(0, 1) if turned in (5, 6, 7, 8) else pixels)


def read_with_opencv(data):
    encoded = np.frombuffer(data, np.uint8)
    pixels = cv2.imdecode(encoded, cv2.IMREAD_COLOR)  # applies the EXIF orientation
    if pixels is None:
        raise ValueError("it is no image that OpenCV can decode")
    whole = pixels if is_jpeg(data) else cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    if whole is not None and whole.shape[2:] == (4,) and whole.shape[:2] == pixels.shape[:2]:
        share = whole[:, :, 3:].astype(np.float32) / np.iinfo(whole.dtype).max
        pixels = np.rint(pixels * share + 255 * (1 - share)).astype(np.uint8)
    return np.ascontiguousarray(pixels[:, :, ::-1])


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

    def mixed_rows(places):
        rows = image.take(places, axis=0)
        first = rows.take(left, axis=1).astype(np.float32)
        second = rows.take(right, axis=1).astype(np.float32)
        return first + (second - first) * across

    upper = mixed_rows(top)
    return np.rint(upper + (mixed_rows(bottom) - upper) * down[:, None, None]).astype(np.uint8)


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
    reason = None
    for kind in (NewCore, OldCore):
        try:
            return kind()
        except ImportError as error:
            # One that is there and lacks a library says more than one that is not there.
            if reason is None or "No module named" not in str(error):
                reason = error
    raise Problem(
        "OpenVINO cannot be used by %s: %s" % (sys.executable, last_line(reason)),
        "README.md in this folder says which release for which stick; one from an archive needs"
        " its setupvars.sh first",
    )


class Device(object):
    """A stick or the CPU with the model loaded, and what it works on."""

    def __init__(self, name, requests):
        self.name = name
        self.free = list(requests)
        self.busy = collections.OrderedDict()  # number -> (request, frame), oldest first
        self.heard = 0.0

    def start(self, number, frame):
        if not self.busy:
            self.heard = time.time()
        request = self.free.pop()
        self.busy[number] = (request, frame)  # before it starts: given back if that fails
        try:
            request.start(frame)
        except Exception as error:
            raise Gone(last_line(error))

    def collect(self, finished):
        """Put what is done into finished by its number; tell whether there was any."""
        before = len(finished)
        for number, (request, _) in list(self.busy.items()):
            try:
                rows = request.poll()
            except Exception as error:
                raise Gone(last_line(error))
            if rows is not None:
                finished[number] = rows
                del self.busy[number]
                self.free.append(request)
                self.heard = time.time()
        if self.busy and time.time() - self.heard > SILENCE:
            raise Gone("no answer in %d s" % SILENCE)
        return len(finished) > before

    def unfinished(self):
        return [(number, frame) for number, (_, frame) in self.busy.items()]


def sticks_on_usb():
    """Return the USB ids of the sticks that Linux sees; another system tells nothing here."""
    found = []
    for folder in glob.glob("/sys/bus/usb/devices/*"):
        try:
            with open(folder + "/idVendor") as vendor, open(folder + "/idProduct") as product:
                if vendor.read().strip() == "03e7":
                    found.append("03e7:" + product.read().strip())
        except (OSError, ValueError):
            continue
    return sorted(found)


def no_stick(known):
    plugged = sticks_on_usb()
    seen = "OpenVINO sees %s" % (", ".join(known) or "nothing")
    if not plugged:
        return Problem(
            "no Neural Compute Stick found: none is plugged in; " + seen,
            "plug one in, or try --device CPU",
        )
    if "03e7:2150" in plugged:
        hint = "03e7:2150 is the first stick, which OpenVINO 2020.3 is the last to start"
    else:
        hint = "OpenVINO 2021.4 to 2022.3 LTS start it"
    return Problem(
        "no Neural Compute Stick found: USB has %s, but %s" % (", ".join(plugged), seen),
        hint + "; set up 97-myriad.rules, then plug it in again (README.md)",
    )


def open_devices(wanted):
    """Load the model onto every stick, or onto the CPU."""
    core = open_core()
    known = core.devices()
    xml = os.path.join(HERE, "model.xml")
    names = [wanted]
    if wanted == "MYRIAD":
        names = [name for name in known if name.startswith("MYRIAD")]
        if not names:
            raise no_stick(known)
    devices = []
    for name in names:
        try:
            devices.append(Device(name, core.load(xml, name, REQUESTS)))
        except Exception as error:  # busy, or pulled out just now, or a broken IR
            reason = "%s: %s" % (name, last_line(error))
            say(reason)
    if not devices:
        raise Problem(
            "%s: no device takes it: %s" % (xml, reason),
            "end other programs that use the stick; copy the folder again; see README.md",
        )
    return devices


def last_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def detect(frames, devices, spec):
    """Yield (frame, rows) in the order of the frames, every device at work.

    A stick that vanishes gives its frames to the others.
    """
    devices, frames = list(devices), iter(frames)
    window = 2 * REQUESTS * len(devices)  # held at once, so that one slow stick costs no memory
    held, waiting, finished = {}, collections.deque(), {}
    read, given, ended, failure = 0, 0, False, None
    while True:
        moved = False
        for device in sorted(devices, key=lambda device: len(device.busy)):
            try:
                while waiting and device.free:
                    device.start(*waiting.popleft())
                moved = device.collect(finished) or moved
            except Gone as reason:
                devices.remove(device)
                waiting.extendleft(reversed(device.unfinished()))
                if devices:
                    say("%s is gone; %d others go on" % (device.name, len(devices)))
                    continue
                failure = Problem(
                    "%s: does not answer any more: %s" % (device.name, reason),
                    "plug the stick in again, best without a hub, and run this again",
                )
        while given in finished:
            yield held.pop(given), finished.pop(given)
            given += 1
        if failure is not None:
            raise failure
        if ended and given == read:
            return
        # One at a time and only for a device that is free: what a camera shows is not old.
        if not ended and not waiting and len(held) < window and any(d.free for d in devices):
            frame = next(frames, None)
            if frame is None:
                ended = True
                continue
            held[read] = frame
            if frame.image is None:
                finished[read] = None
            else:
                waiting.append((read, prepare(frame.image, spec)))
            read += 1
        elif not moved:
            time.sleep(0.001)


# --- where frames come from -----------------------------------------------------------------


class Frame(object):
    """One image; image is None when it could not be read."""

    def __init__(self, source, number, image, problem=None, rate=0.0):
        self.source, self.number, self.image = source, number, image
        self.problem, self.time = problem, time.time()
        self.rate = rate if 1 <= rate <= 240 else 20.0  # frames a second; a camera may not know


def is_stream(source):
    return source.startswith("camera:") or source.lower().endswith(VIDEOS)


def frames_of(sources):
    for source in sources:
        try:
            if is_stream(source):
                for frame in video_frames(source):
                    yield frame
                continue
        except Problem as problem:
            yield Frame(source, 0, None, problem)
            continue
        for path in image_files(source):
            try:
                frame = Frame(path, 0, read_image(path))
            except Problem as problem:
                frame = Frame(path, 0, None, problem)
            yield frame


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


def check_sources(sources, save):
    """Refuse what is not there, or would be overwritten, before anything is loaded."""
    for source in sources:
        if source.startswith("camera:"):
            if not source[len("camera:") :].isdigit():
                raise Problem("%s: no such camera" % source, "camera:0 is the first one")
        elif not os.path.exists(source):
            raise Problem("%s: does not exist" % source, "give images, folders or videos")
        elif not image_files(source):
            raise Problem("%s: no image in this folder" % source, "give images or another folder")
        elif save is not None:
            folders = {os.path.dirname(os.path.realpath(path)) for path in image_files(source)}
            if os.path.realpath(save) in folders:
                raise Problem(
                    "--save %s: images to be looked at lie there and would be overwritten" % save,
                    "choose another folder",
                )
        if is_stream(source) and cv2 is None:
            raise Problem("%s: needs OpenCV" % source, "pip3 install opencv-python")


def video_frames(source):
    camera = source.startswith("camera:")
    capture = cv2.VideoCapture(int(source[len("camera:") :]) if camera else source)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a slow stick is to see what is, not what was
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
            rate = capture.get(cv2.CAP_PROP_FPS)
            yield Frame(source, number, np.ascontiguousarray(pixels[:, :, ::-1]), rate=rate)
            number += 1
    finally:
        capture.release()


# --- what is shown --------------------------------------------------------------------------


def say(text):
    sys.stderr.write(text + "\n")


def caption(found):
    """OpenCV and Pillow's own font draw only Latin letters; the class id stands for others."""
    name = found["class"]
    plain = name.encode("ascii", "replace").decode() == name
    return "%s %.2f" % (name if plain else "class %d" % found["class_id"], found["score"])


def draw(image, objects):
    """Return a copy of an RGB image with boxes and names."""
    texts = [caption(found) for found in objects]
    if cv2 is not None:
        drawn = image.copy()
        for found, text in zip(objects, texts):
            colour = COLOURS[found["class_id"] % len(COLOURS)]
            left, top, right, bottom = [int(round(value)) for value in found["box"]]
            cv2.rectangle(drawn, (left, top), (right, bottom), colour, 2)
            at = (left + 2, max(top - 4, 12))
            cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
        return drawn
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    for found, text in zip(objects, texts):
        colour = COLOURS[found["class_id"] % len(COLOURS)]
        pen.rectangle(found["box"], outline=colour)
        pen.text((found["box"][0] + 2, max(found["box"][1] - 12, 0)), text, fill=colour)
    return np.array(canvas)


class Saver(object):
    """Writes drawn images, and one video for each video or camera."""

    def __init__(self, folder):
        self.folder, self.taken, self.videos = folder, set(), {}
        if not os.path.isdir(folder):
            os.makedirs(folder)

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
                self.videos[frame.source] = self.new_video(stem, frame, drawn)
            self.videos[frame.source].write(np.ascontiguousarray(drawn[:, :, ::-1]))
            return
        path = self.free_name(stem, ".jpg")
        if cv2 is None:
            Image.fromarray(drawn).save(path, quality=95)
        else:
            cv2.imencode(".jpg", np.ascontiguousarray(drawn[:, :, ::-1]))[1].tofile(path)

    def new_video(self, stem, frame, drawn):
        path = self.free_name(stem, ".mp4")
        size = (drawn.shape[1], drawn.shape[0])
        video = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"mp4v"), frame.rate, size)
        if not video.isOpened():
            raise OSError("%s: OpenCV cannot write a video there" % path)
        return video

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
    try:
        cv2.imshow("detect_on_stick", np.ascontiguousarray(drawn[:, :, ::-1]))
        return cv2.waitKey(1) & 0xFF not in (ord("q"), 27)
    except cv2.error:
        raise Problem(
            "--show: this OpenCV has no windows, or there is no screen",
            "use --save, or pip3 install opencv-python instead of opencv-python-headless",
        )


def run(options):
    """Return the exit status."""
    spec, names = read_facts()
    check_sources(options.source, options.save)
    if cv2 is None and Image is None:
        raise Problem(
            "neither OpenCV nor Pillow is installed for %s" % sys.executable,
            "pip3 install opencv-python, or pip3 install pillow",
        )
    if cv2 is None and not pillow_is_exact():
        say("Note: this Pillow decodes JPEG a little otherwise than OpenCV; scores differ by 0.01")
    if options.show and cv2 is None:
        raise Problem("--show needs OpenCV", "pip3 install opencv-python")
    devices = open_devices(options.device.upper())
    saver = Saver(options.save) if options.save else None
    started, count, broken, status = time.time(), 0, 0, 0
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
    except KeyboardInterrupt:  # the way to end a camera; anything else is not whole
        status = 0 if options.source[-1].startswith("camera:") else 130
    finally:
        if saver is not None:
            saver.close()
    seconds = max(time.time() - started, 1e-6)
    on = ", ".join(device.name for device in devices)
    say("%d images in %.1f s, %.1f a second, on %s" % (count, seconds, count / seconds, on))
    if broken:
        say(
            "Hint: replace it by an intact copy (%d could not be read; the others are done)"
            % broken
        )
    return status or (1 if broken else 0)


def share(text):
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("%s is not from 0 to 1" % text)
    return value


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="Which OpenVINO for which stick: README.md in this folder.",
    )
    parser.add_argument("source", nargs="+", help="images, folders, videos, camera:0")
    parser.add_argument("--device", default="MYRIAD", help="MYRIAD (all sticks, default) or CPU")
    parser.add_argument("--threshold", type=share, default=0.5, help="lowest score (0.5)")
    parser.add_argument("--save", metavar="DIR", help="write images with boxes drawn")
    parser.add_argument("--json", action="store_true", help="one JSON object a frame")
    parser.add_argument("--show", action="store_true", help="a window; q ends it")
    options = parser.parse_args()
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # broken videos are named by this script
    # A terminal without UTF-8 shows a Korean name as question marks instead of ending here.
    sys.stdout = open(1, "w", encoding=sys.stdout.encoding, errors="replace", closefd=False)
    try:
        return run(options)
    except Problem as problem:
        say("Error: %s\nHint: %s" % (problem, problem.hint))
    except BrokenPipeError:  # | head: whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except OSError as error:  # a full disk, a folder that must not be written
        say("Error: %s\nHint: free the disk, or choose another --save" % error)
    return 1


if __name__ == "__main__":
    sys.exit(main())
