"""Records: what the TF Object Detection API reads, written and read without TensorFlow."""
