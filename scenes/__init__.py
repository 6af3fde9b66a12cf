"""Synthetic scenes, drawn by the project itself: to pretrain on, and as the sample that ships.

- ``python -m scenes.pretraining OUT``: TFRecords of generic shapes, to pretrain a small SSD.
- ``python -m scenes.sample annotations --seed 7``: the labelled sample in ``annotations/``.

Both run from the repository's root and are not part of the installed package.
They share `scenes.textures`, `scenes.shapes` and `scenes.lighting`, but no object
and no scene: the pretrained checkpoint has never seen a coin, a leaf or a bottle cap of the sample.
"""
