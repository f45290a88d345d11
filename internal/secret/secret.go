package secret

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// fileScheme starts a setting that names the file of a secret.
const fileScheme = "file:"

// maxAge is how long [Cached] uses a secret before it reads the setting again.
const maxAge = time.Minute

// inFile returns the path of the file that a setting names. As in other URLs, the case of the scheme does
// not matter.
func inFile(setting string) (path string, ok bool) {
	if len(setting) < len(fileScheme) || !strings.EqualFold(setting[:len(fileScheme)], fileScheme) {
		return "", false
	}
	return setting[len(fileScheme):], true
}

// Read returns the secret of a setting; "" for an empty setting. A file must not be empty. The path of a
// file that exists is no secret: anybody could guess it.
func Read(setting string) (string, error) {
	path, named := inFile(setting)
	if !named {
		value := strings.TrimRight(setting, "\r\n")
		if filepath.IsAbs(value) && isFile(value) {
			return "", fmt.Errorf("the value is the path of a file: for the secret in it, write %s%s", fileScheme, value)
		}
		return value, nil
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

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
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
		_, named := inFile(setting)
		if !read.IsZero() && (time.Since(read) < maxAge || !named) {
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
