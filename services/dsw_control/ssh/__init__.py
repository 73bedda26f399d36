"""Ways into instances by SSH: who may enter which, by which keys and tickets."""
