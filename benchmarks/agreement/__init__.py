"""Whether what is simulated of an organism agrees with what real sandboxes say of it."""
