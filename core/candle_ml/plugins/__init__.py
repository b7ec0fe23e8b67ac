"""Plugins: what is installed, what each offers, and why something cannot be used."""

from candle_ml.plugins.calls import called
from candle_ml.plugins.manager import PluginManager
from candle_ml.plugins.records import CORE_KEYS, Failure, Offer, PluginRow, PluginStatus, Provider, described, nearest

__all__ = [
    "CORE_KEYS",
    "Failure",
    "Offer",
    "PluginManager",
    "PluginRow",
    "PluginStatus",
    "Provider",
    "called",
    "described",
    "nearest",
]
