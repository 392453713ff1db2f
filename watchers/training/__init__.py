"""From public data to a trained, calibrated, quantised pack: an extra, never imported at run time."""
