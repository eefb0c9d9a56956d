"""What the measured trials say: curves, the two families compared, the verdicts on the five rows."""
