"""Momentum features."""
