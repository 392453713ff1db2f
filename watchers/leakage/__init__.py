"""What leaves that should not: personal data across the exchange's borders, the system prompt, the operator's canaries."""
