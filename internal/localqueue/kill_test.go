package localqueue

func child(dir string) {}
