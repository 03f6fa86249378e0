"""How clusters are found: encoding, partition, stability, separation, profiles."""
