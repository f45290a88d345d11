package bearer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

const minRSABits = 2048

// verifyKey is one public key (or the shared secret) with the one algorithm it may be used for.
type verifyKey struct {
	id        string // kid; empty matches any token
	algorithm string
	key       any
}

type verifyKeys []verifyKey

func (k verifyKeys) matching(kid, algorithm string) (set jwt.VerificationKeySet) {
	for _, key := range k {
		if key.algorithm == algorithm && (kid == "" || key.id == "" || key.id == kid) {
			set.Keys = append(set.Keys, key.key)
		}
	}
	return set
}

// parseKeys reads a JWKS document or a file of PEM blocks. Private keys are refused, so that one
// laid there by mistake does not go unnoticed.
func parseKeys(raw []byte) (verifyKeys, error) {
	if json.Valid(raw) {
		return parseJWKS(raw)
	}
	return parsePEM(raw)
}

func parseJWKS(raw []byte) (verifyKeys, error) {
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, fmt.Errorf("read JWKS: %w", err)
	}
	var keys verifyKeys
	for _, rawKey := range document.Keys {
		var k jose.JSONWebKey
		if err := json.Unmarshal(rawKey, &k); err != nil {
			continue // a kind of key that this library does not know is not ours to use
		}
		if !k.IsPublic() {
			return nil, errors.New("read JWKS: it holds a private or symmetric key; publish public keys only")
		}
		algorithm, err := algorithmOf(k.Key)
		if err != nil || k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != algorithm {
			continue // encryption keys, other curves and other algorithms may stand in the same set
		}
		keys = append(keys, verifyKey{id: k.KeyID, algorithm: algorithm, key: k.Key})
	}
	if len(keys) == 0 {
		return nil, errors.New("read JWKS: it holds no RSA (RS256) or P-256 (ES256) key for signatures")
	}
	return keys, nil
}

func parsePEM(raw []byte) (verifyKeys, error) {
	var keys verifyKeys
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		key, err := parseBlock(block)
		if err != nil {
			return nil, err
		}
		algorithm, err := algorithmOf(key)
		if err != nil {
			return nil, err
		}
		keys = append(keys, verifyKey{algorithm: algorithm, key: key})
	}
	if len(keys) == 0 {
		return nil, errors.New("read keys: neither JWKS nor PEM")
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	default:
		return nil, fmt.Errorf("read keys: a PEM block is a %q; give public keys or certificates only", block.Type)
	}
}

func algorithmOf(key any) (string, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return "", fmt.Errorf("the RSA key has %d bits; at least %d are needed", k.N.BitLen(), minRSABits)
		}
		return jwt.SigningMethodRS256.Alg(), nil
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return jwt.SigningMethodES256.Alg(), nil
		}
	}
	return "", fmt.Errorf("keys of type %T are not supported: use RSA (RS256) or P-256 (ES256)", key)
}
