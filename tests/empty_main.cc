// A program that does nothing: the link tests give it a whole library to carry.
int main() { return 0; }
