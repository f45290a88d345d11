package legacy_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// For any file: every row is read or refused with its line, lines never decrease, no method of a
// row fails otherwise, and no error shows a token.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "a;b\n\"x\ny\";2\n", "{\"_id\":{\"$oid\":\"5f1a2b3c4d5e6f7081920a11\"}}\n", "[{\"a\":{\"$date\":1}},\n{}]",
		"id,memberId,pId,accessToken\n1,2,1,invented-token\n", "\xef\xbb\xbf[", "{\"a\":[[1]],\"b\":{\"$date\":{\"$date\":[]}}}", "a\n\"", "[1,",
		"sAccountId,pId,accountId,createdAt,followers\n1,1,aaaaaaaaaaaaaaaaaaaaaaaa,2024-01-01,5\n",
		`{"sAccountId":1,"pId":4,"aType":2,"postId":"urn:li:share:1","createdAt":"2024-01-01T00:00:00Z","likes":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		last, lines := 0, bytes.Count(content, []byte("\n"))+1
		at := func(line int) {
			require.GreaterOrEqual(t, line, last)
			require.LessOrEqual(t, line, lines+1)
			last = line
		}
		for r, err := range legacy.Read(bytes.NewReader(content), time.UTC) {
			if err != nil {
				var bad *legacy.RowError
				require.ErrorAs(t, err, &bad)
				at(bad.Line)
				require.NotContains(t, bad.Error(), "invented-token")
				continue
			}
			at(r.Line)
			for _, form := range []func(*legacy.Row) error{
				func(r *legacy.Row) error { _, err := r.AccountReading(); return err },
				func(r *legacy.Row) error { _, err := r.PostReading(); return err },
				func(r *legacy.Row) error { _, err := r.Post(); return err },
				func(r *legacy.Row) error { _, err := r.Preference(); return err },
			} {
				row := *r
				if err := form(&row); err != nil {
					require.NotEmpty(t, err.Error())
				}
			}
			row := *r
			if m, err := row.MemberAuth(); err == nil {
				require.Positive(t, m.Connection.ID)
			}
		}
	})
}
