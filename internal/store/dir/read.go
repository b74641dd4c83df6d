package dir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"posthoorn/internal/store"
)

// magic begins gzip, and neither MIME nor JSON. What begins with it in a file is compressed, whoever wrote it.
var magic = []byte{0x1f, 0x8b}

func (f *folder) Get(ctx context.Context, key string, limit int) ([]byte, error) {
	// Without O_NONBLOCK the open of a named pipe would wait for its writer.
	file, err := f.root.OpenFile(f.place(key), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if absent(err) {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := read(ctx, file, limit)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, magic) {
		return f.codec.Decode(data, store.Gzip, limit)
	}
	return data, nil
}

func read(ctx context.Context, file *os.File, limit int) ([]byte, error) {
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("there is something else than a file under the key")
	case info.Size() > int64(limit):
		return nil, store.TooLarge(int(info.Size()), limit)
	}
	data := make([]byte, info.Size())
	for done := 0; done < len(data); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := io.ReadFull(file, data[done:min(done+1<<20, len(data))])
		if done += n; err != nil {
			return nil, fmt.Errorf("the file has lost its end: %w", err)
		}
	}
	return data, nil
}
