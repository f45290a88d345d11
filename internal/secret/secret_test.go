package secret_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/secret"
)

// Line breaks at the end are cut, and errors name the file but no secret.
func TestSecretReadFromFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return "file:" + path
	}
	for setting, want := range map[string]string{
		"": "", "geheim": "geheim", "geheim\n": "geheim", "geheim\r\n\n": "geheim", "a\n b": "a\n b",
		file("break", "geheim\r\n"): "geheim", file("plain", "geheim"): "geheim",
		file("mark", "\ufeffgeheim\r\n"): "geheim",
	} {
		got, err := secret.Read(setting)
		require.NoError(t, err, setting)
		require.Equal(t, want, got, setting)
	}
	for _, setting := range []string{"file:", "file:" + dir, "file:" + filepath.Join(dir, "absent"), file("empty", "\n")} {
		_, err := secret.Read(setting)
		require.ErrorContains(t, err, "read the file of a secret", setting)
	}
	got, err := secret.Read("File:" + strings.TrimPrefix(file("scheme", "geheim\n"), "file:"))
	require.NoError(t, err)
	require.Equal(t, "geheim", got)
	_, err = secret.Read(file("utf16", "\xff\xfeg\x00e\x00"))
	require.ErrorContains(t, err, "is encoded in UTF-16: save it as UTF-8")
}

// The path of a file is not taken for the secret in it: anybody could guess it. A secret may begin like a
// path.
func TestPathIsNoSecret(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "jwt_secret")
	require.NoError(t, os.WriteFile(path, []byte("geheim\n"), 0o600))
	for _, setting := range []string{path, path + "\n"} {
		_, err := secret.Read(setting)
		require.ErrorContains(t, err, "write file:"+path)
	}
	got, err := secret.Read("/Xq7geheim=")
	require.NoError(t, err)
	require.Equal(t, "/Xq7geheim=", got)
}

// A file is read again after a minute. While it cannot be used, the last value stays in use and the
// error is reported.
func TestSecretFileIsCachedForOneMinute(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	write := func(content string) { require.NoError(t, os.WriteFile(path, []byte(content), 0o600)) }
	wrong := errors.New("wrong")
	parse := func(text string) (string, error) {
		if text == "wrong" {
			return "", wrong
		}
		return text, nil
	}
	write("one\n")
	synctest.Test(t, func(t *testing.T) {
		read := secret.Cached("file:"+path, parse)
		expect := func(want string, failure error) {
			t.Helper()
			got, err := read()
			require.Equal(t, want, got)
			require.ErrorIs(t, err, failure)
		}
		expect("one", nil)
		write("two\n")
		expect("one", nil)
		time.Sleep(time.Minute)
		expect("two", nil)
		write("wrong\n")
		time.Sleep(time.Minute)
		expect("two", wrong)
		expect("two", nil)
		require.NoError(t, os.Remove(path))
		time.Sleep(time.Minute)
		expect("two", os.ErrNotExist)
		write("three")
		time.Sleep(time.Minute)
		expect("three", nil)
	})
	fixed := secret.Cached("wrong", parse)
	_, err := fixed()
	require.ErrorIs(t, err, wrong)
}
