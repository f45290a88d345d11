package connect

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// NewSecret returns a random string of at least 128 bits, for cookies and addresses.
func NewSecret() string { return rand.Text() }

func digest(word string) []byte {
	sum := sha256.Sum256([]byte(word))
	return sum[:]
}

// stateOf returns the state parameter. It cannot be computed without the cookie and the address.
func stateOf(cookie, start string) string {
	mac := hmac.New(sha256.New, []byte(cookie))
	mac.Write([]byte("connect state\x00" + start))
	return hex.EncodeToString(mac.Sum(nil))
}

// waiting is the sealed form of a consent that waits for the choice. It never leaves this package.
type waiting struct {
	Person   string                `json:"person"`
	Name     string                `json:"name"`
	Tokens   commands.StoredTokens `json:"tokens"`
	Declined []string              `json:"declined"`
	Offered  []offered             `json:"offered"`
}

// offered is [platforms.Offered] without the methods that hide its token.
type offered platforms.Offered

func (o offered) ref() domain.PageRef {
	return domain.PageRef{Platform: o.Platform, AccountType: o.AccountType, ExternalID: o.ExternalID}
}

// tokenOf returns the owner of the token that reads the page.
func (o offered) tokenOf(person string) string {
	switch {
	case o.AccessToken == "":
		return person
	case o.BehindPage != "":
		return o.BehindPage
	default:
		return o.ExternalID
	}
}

func waitingOf(c platforms.Consent, signIn domain.Platform) waiting {
	w := waiting{
		Person: c.PersonID, Name: c.Name, Declined: c.Declined,
		Tokens: commands.StoredTokens{
			AccessToken: c.Tokens.AccessToken, RefreshToken: c.Tokens.RefreshToken, ExpiresAt: c.Tokens.ExpiresAt,
			RefreshExpiresAt: c.Tokens.RefreshExpiresAt, OwnLogin: signIn.Facts().LoginBy != 0,
			Granted: c.Granted, DataAccessUntil: c.DataAccessUntil,
		},
	}
	for _, o := range c.Offered {
		w.Offered = append(w.Offered, offered(o))
	}
	return w
}

func parseWaiting(raw []byte) (w waiting, err error) {
	if json.Unmarshal(raw, &w) != nil { // the error would quote the secret
		err = errors.New("the stored consent is not in the expected format")
	}
	return w, err
}
