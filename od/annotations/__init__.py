"""Labelled images in other people's formats, one file for each."""
