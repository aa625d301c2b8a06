"""The commands of `autograder`, thin over public functions; heavy imports happen inside them."""
