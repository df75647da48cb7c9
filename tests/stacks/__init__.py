"""Sets are loaded by the stacks that they are written for, each in a file of its own."""
