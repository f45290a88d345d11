package eventlog

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// lookAt names the setting that an error is about. Clients wrap errors of TLS and SASL, but not all
// of them have a type.
func (c Config) lookAt(err error) string {
	var otherName x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknownAuthority x509.UnknownAuthorityError
	var noTLS tls.RecordHeaderError
	text := err.Error()
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.UnsupportedSaslMechanism), strings.Contains(text, "SASL"):
		return "the broker refuses the credentials: check LEDGERBOARD_KAFKA_USER, LEDGERBOARD_KAFKA_PASSWORD and LEDGERBOARD_KAFKA_SASL"
	case errors.As(err, &unknownAuthority):
		return "the certificate authority of the broker is not trusted: check LEDGERBOARD_KAFKA_CA"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate of the broker has expired or is not valid yet: renew it and check both clocks"
	case errors.As(err, &otherName):
		return "the certificate of the broker is for another host: check LEDGERBOARD_KAFKA_BROKERS"
	case errors.As(err, &noTLS):
		return "the broker does not use TLS on this port: check LEDGERBOARD_KAFKA_BROKERS and LEDGERBOARD_KAFKA_TLS"
	case strings.Contains(text, "remote error: tls"):
		return "the broker refuses the TLS connection: check LEDGERBOARD_KAFKA_CERT"
	case c.TLS == nil && strings.Contains(text, "tls"):
		return "the broker requires TLS: check LEDGERBOARD_KAFKA_TLS"
	case errors.Is(err, io.EOF), strings.Contains(text, "EOF"):
		return "the broker closes the connection at once, so it may require TLS or refuse the credentials: check LEDGERBOARD_KAFKA_TLS, " +
			"LEDGERBOARD_KAFKA_USER, LEDGERBOARD_KAFKA_PASSWORD and LEDGERBOARD_KAFKA_SASL"
	default:
		return "check that the brokers are running, and check their addresses, TLS and SASL"
	}
}

// unencryptedBrokers returns the brokers that are reached over a network without TLS.
func (c Config) unencryptedBrokers() []string {
	if c.TLS != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Brokers), func(broker string) bool {
		host, _, err := net.SplitHostPort(broker)
		ip := net.ParseIP(host)
		return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
	})
}
