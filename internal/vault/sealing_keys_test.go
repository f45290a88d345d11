package vault_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func raw(fill byte) []byte {
	b := bytes.Repeat([]byte{fill}, vault.KeySize)
	b[0] = 0xfb // so that the two base64 alphabets differ
	return b
}

// configured returns the key of key in the format of the configuration.
func configured(fill byte) string { return base64.StdEncoding.EncodeToString(raw(fill)) }

func key(t testing.TB, fill byte) vault.Key {
	t.Helper()
	keys, err := vault.ParseKeys(configured(fill))
	require.NoError(t, err)
	return keys[0]
}

func TestParseKeysFormats(t *testing.T) {
	t.Parallel()
	want := key(t, 0xff)
	for name, text := range map[string]string{
		"base64":          base64.StdEncoding.EncodeToString(raw(0xff)),
		"base64 unpadded": base64.RawStdEncoding.EncodeToString(raw(0xff)),
		"base64 for URLs": base64.URLEncoding.EncodeToString(raw(0xff)),
		"hexadecimal":     hex.EncodeToString(raw(0xff)),
		"HEXADECIMAL":     strings.ToUpper(hex.EncodeToString(raw(0xff))),
		"blanks around":   " \n" + configured(0xff) + ", ",
	} {
		keys, err := vault.ParseKeys(text)
		require.NoError(t, err, name)
		require.Len(t, keys, 1, name)
		require.Equal(t, want.ID(), keys[0].ID(), name)
	}
	keys, err := vault.ParseKeys(configured(2) + "," + configured(1))
	require.NoError(t, err)
	require.Equal(t, []string{key(t, 2).ID(), key(t, 1).ID()}, []string{keys[0].ID(), keys[1].ID()}, "in the configured order")
}

func TestParseKeysErrorsHideTheKey(t *testing.T) {
	t.Parallel()
	good := configured(1)
	for name, test := range map[string]struct{ text, want string }{
		"nothing":    {" , ", "no key is configured"},
		"passphrase": {"correct-horse-battery-staple", "key 1 is neither"},
		"short":      {base64.StdEncoding.EncodeToString(raw(1)[:31]), "key 1 is neither"},
		"zeros":      {hex.EncodeToString(make([]byte, vault.KeySize)), "key 1: key is all zeros"},
		"twice":      {good + "," + good, "key 2 is listed twice"},
		"two wrong":  {"abc," + good + ",def", "key 1 is neither"},
	} {
		keys, err := vault.ParseKeys(test.text)
		require.ErrorContains(t, err, test.want, name)
		for field := range strings.SplitSeq(test.text, ",") {
			if field = strings.TrimSpace(field); field != "" {
				require.NotContains(t, err.Error(), field)
			}
		}
		if name != "twice" {
			require.Empty(t, keys, name)
		}
	}
	_, err := vault.ParseKeys("abc," + good + ",def")
	require.ErrorContains(t, err, "key 3 is neither", "all errors at once")
}

func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	k := key(t, 0x41)
	secrets := newSecrets(t, nil, k)
	type config struct {
		Exported vault.Keys
		hidden   vault.Key // fmt calls no methods on unexported fields
		store    *vault.Secrets
	}
	forms := []string{
		configured(0x41), base64.RawStdEncoding.EncodeToString(raw(0x41)), hex.EncodeToString(raw(0x41)),
		strings.ToUpper(hex.EncodeToString(raw(0x41))), "AAAAAAAAAA", "65 65 65 65", "0x41, 0x41", "41414141", "QUFBQUFB",
	}
	for name, value := range map[string]any{
		"key": k, "pointer": &k, "keys": vault.Keys{k}, "secrets": secrets,
		"struct": config{Exported: vault.Keys{k}, hidden: k, store: secrets},
	} {
		shown := map[string]string{}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			shown[verb] = fmt.Sprintf(verb, value)
		}
		body, err := json.Marshal(value)
		require.NoError(t, err)
		shown["json"] = string(body)
		var asText, asJSON bytes.Buffer
		slog.New(slog.NewTextHandler(&asText, nil)).Info("shown", "value", value)
		slog.New(slog.NewJSONHandler(&asJSON, nil)).Info("shown", "value", value)
		shown["slog text"], shown["slog json"] = asText.String(), asJSON.String()
		for how, text := range shown {
			for _, form := range forms {
				require.NotContains(t, text, form, "%s as %s", name, how)
			}
		}
	}
	require.Contains(t, fmt.Sprint(k), k.ID(), "the output identifies the key")
}

func FuzzParseKeys(f *testing.F) {
	f.Add(hex.EncodeToString(raw(1)) + "," + base64.URLEncoding.EncodeToString(raw(2)))
	f.Add("abc")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := vault.ParseKeys(text)
		if err != nil {
			return
		}
		require.NotEmpty(t, keys)
		fields := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
		require.Len(t, keys, len(fields))
		reread, err := vault.ParseKeys(strings.Join(fields, ","))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(keys), fmt.Sprint(reread))
	})
}

// A key that is added to a file is used without a restart; a broken file changes nothing.
func TestKeyringFollowsItsFile(t *testing.T) {
	t.Parallel()
	one, two := strings.Repeat("11", vault.KeySize), strings.Repeat("22", vault.KeySize)
	path := filepath.Join(t.TempDir(), "keys")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write(one + "\n")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ring, err := vault.OpenKeyring("file:"+path, slog.New(slog.NewTextHandler(&log, nil)))
		require.NoError(t, err)
		require.Len(t, ring.Current(), 1)
		write(two + "," + one + "\n")
		require.Len(t, ring.Current(), 1)
		time.Sleep(time.Minute)
		require.Len(t, ring.Current(), 2)
		write("broken " + one)
		time.Sleep(time.Minute)
		require.Len(t, ring.Current(), 2)
		require.Contains(t, log.String(), "cannot read LEDGERBOARD_SECRETS_KEY again")
		require.NotContains(t, log.String(), "1111")
	})
}
