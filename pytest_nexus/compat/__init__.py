"""All uses of pytest and xdist beyond their public interfaces."""
