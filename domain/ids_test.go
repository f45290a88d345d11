package domain_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestHexID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"c10000000000000000000000":  "c10000000000000000000000",
		"C1ABCDEF0000000000000000":  "c1abcdef0000000000000000",
		"0123456789abcdefABCDEF01":  "0123456789abcdefabcdef01",
		"":                          "",
		"c1000000000000000000000":   "", // 23
		"c100000000000000000000000": "", // 25
		"g10000000000000000000000":  "",
		"c1000000000000000000000 ":  "",
		" c1000000000000000000000":  "",
		"c1000000000000000000000\n": "",
		"c100000000000000000000/0":  "", // before '0'
		"c100000000000000000000:0":  "", // after '9'
		"c100000000000000000000@0":  "", // before 'A'
		"c100000000000000000000`0":  "", // before 'a'
		"éééééééééééé":              "", // 24 bytes
	} {
		got, ok := domain.HexID(in)
		require.Equal(t, want, got, in)
		require.Equal(t, want != "", ok, in)
	}
}

func FuzzHexID(f *testing.F) {
	for _, seed := range []string{"C10000000000000000000000", "", "éééééééééééé", strings.Repeat("0", 24)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		id, ok := domain.HexID(in)
		if !ok {
			require.Empty(t, id)
			return
		}
		require.Len(t, id, domain.HexIDLength)
		require.Empty(t, strings.Trim(id, "0123456789abcdef"))
		require.True(t, strings.EqualFold(in, id))
		again, ok := domain.HexID(id)
		require.True(t, ok)
		require.Equal(t, id, again)
	})
}

func TestSplitPostID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct {
		account  int64
		external string
	}{
		"11:104_77":               {11, "104_77"},
		"11:urn:li:share:6":       {11, "urn:li:share:6"},
		"9223372036854775807:x":   {1<<63 - 1, "x"},
		"9223372036854775808:x":   {},
		"11":                      {},
		"11:":                     {},
		":x":                      {},
		"":                        {},
		"0:x":                     {},
		"-11:x":                   {},
		"+11:x":                   {},
		"011:x":                   {}, // two spellings of one post
		" 11:x":                   {}, //nolint:gocritic // the space is what is tried
		"1e3:x":                   {},
		"c10000000000000000000:x": {},
	} {
		account, external, ok := domain.SplitPostID(in)
		require.Equal(t, want.account, account, in)
		require.Equal(t, want.external, external, in)
		require.Equal(t, want.external != "", ok, in)
	}
}

func FuzzSplitPostID(f *testing.F) {
	f.Add("11:104_77")
	f.Add("011:x")
	f.Add("11:urn:li:share:6")
	f.Fuzz(func(t *testing.T, in string) {
		account, external, ok := domain.SplitPostID(in)
		if !ok {
			require.Zero(t, account)
			require.Empty(t, external)
			return
		}
		require.Positive(t, account)
		require.Equal(t, in, domain.PostID(account, external), "one post has one id")
	})
}

func TestDirectoryKeys(t *testing.T) {
	t.Parallel()
	for key, want := range map[string][2]string{
		"user:d10000000000000000000000": {"user", "d10000000000000000000000"},
		"order:a:b":                     {"order", "a:b"},
		"user:":                         {}, ":x": {}, "user": {}, "": {},
	} {
		kind, id, err := domain.SplitDirectoryKey(key)
		require.Equal(t, want, [2]string{kind, id}, key)
		require.Equal(t, want[0] == "", err != nil, key)
		if err == nil {
			require.Equal(t, key, domain.DirectoryKey(kind, id), key)
		}
	}
}
