"""Trainings that run in processes of their own, so that what they hold can be told."""
