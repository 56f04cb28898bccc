"""The engines that bench/peers measures, one file each, and what they share."""
