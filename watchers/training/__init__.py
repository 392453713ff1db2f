"""From public data to a trained, calibrated, quantised pack; an extra (`pip install sidewatch[train]`), never imported at run time."""
