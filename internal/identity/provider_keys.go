package identity

import (
	"context"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// signatures are the algorithms by which a provider signs that we believe: of a key that it alone has.
var signatures = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// believed are those of the named algorithms by which a token may be signed; none: RS256, which every provider has.
func believed(named []string) (algorithms []string) {
	for _, algorithm := range named {
		if slices.Contains(signatures, algorithm) {
			algorithms = append(algorithms, algorithm)
		}
	}
	return algorithms
}

// askedKeys are the provider's keys for one token. The verifier says of every failure that the signature is wrong; this tells those apart in which
// there was no key to hold against it.
type askedKeys struct {
	oidc.KeySet

	away error // why the keys could not be had; nil: they were
}

// notFetched is how [oidc.RemoteKeySet] begins to say that it has not got the keys.
const notFetched = "fetching keys "

// VerifySignature implements [oidc.KeySet].
func (k *askedKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	if err != nil && strings.HasPrefix(err.Error(), notFetched) {
		k.away = err
	}
	return payload, err
}
