"""The only room that touches ``object_detection``.

protos.py       pipeline configs and label maps as messages; never imports tensorflow
shims.py        what makes the OD API of 2022 run on a TensorFlow of today
model.py        pipeline.config -> detection model, restored; images -> Detections
input.py        records -> batches
step.py         one training step
checkpoint.py   what a checkpoint holds, and whether it fits a model
"""
