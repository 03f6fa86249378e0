"""Files as firms keep them -> raw tables in the engine."""
