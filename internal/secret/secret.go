package secret

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// fileScheme starts a setting that names the file of a secret.
const fileScheme = "file:"

// maxAge is how long [Cached] uses a secret before it reads the setting again.
const maxAge = time.Minute

// Read returns the secret of a setting; "" for an empty setting. A file must not be empty.
func Read(setting string) (string, error) {
	path, inFile := strings.CutPrefix(setting, fileScheme)
	if !inFile {
		return strings.TrimRight(setting, "\r\n"), nil
	}
	text, err := ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the file of a secret: %w", err)
	}
	value := strings.TrimRight(text, "\r\n")
	if value == "" {
		return "", fmt.Errorf("read the file of a secret: %s is empty", path)
	}
	return value, nil
}

// ReadFile reads a file that a person wrote, secret or not. Editors of Windows may begin a text with a
// byte order mark, which would become part of the first value, and PowerShell writes UTF-16.
func ReadFile(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err //nolint:wrapcheck // it names the operation and the file
	}
	text, err := WithoutMark(raw)
	if err != nil {
		return "", fmt.Errorf("%s %w", path, err)
	}
	return string(text), nil
}

var errUTF16 = errors.New("is encoded in UTF-16: save it as UTF-8")

// WithoutMark returns a text, or its beginning, without a byte order mark. A text in UTF-16 is an
// error.
func WithoutMark(text []byte) ([]byte, error) {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return nil, errUTF16
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), nil
}

// Text is [Cached] for a secret that needs no parsing.
func Text(setting string) func() (string, error) {
	return Cached(setting, func(secret string) (string, error) { return secret, nil })
}

// Cached returns a function that returns what parse makes of a setting's secret, and reads a file
// again at most once a minute. If a file cannot be read or parsed again, one call returns the last
// value together with the error: the caller reports the error and continues. It may be called
// concurrently.
func Cached[T any](setting string, parse func(secret string) (T, error)) func() (T, error) {
	var mu sync.Mutex
	var value T
	var read time.Time
	return func() (T, error) {
		mu.Lock()
		defer mu.Unlock()
		if !read.IsZero() && (time.Since(read) < maxAge || !strings.HasPrefix(setting, fileScheme)) {
			return value, nil
		}
		text, err := Read(setting)
		var fresh T
		if err == nil {
			fresh, err = parse(text)
		}
		if err == nil {
			value = fresh
		}
		if err == nil || !read.IsZero() {
			read = time.Now()
		}
		return value, err
	}
}
