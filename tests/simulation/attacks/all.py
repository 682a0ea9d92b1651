"""Every bundle of the corpus."""

from __future__ import annotations

from tests.simulation.attacks import control, exhaustion, inventories, lookups, places, plugins, settings

BUNDLES = (
    *lookups.BUNDLES, *plugins.BUNDLES, *settings.BUNDLES, *inventories.BUNDLES, *control.BUNDLES, *exhaustion.BUNDLES,
    *places.BUNDLES,
)  # fmt: skip
