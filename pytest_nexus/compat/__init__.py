"""Everything that is used of pytest and xdist beyond their public interface."""
