"""What every source and the server share: entries, chains, seals, journals and the exchange."""
