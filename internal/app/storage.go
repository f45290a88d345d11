package app

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/secret"
)

// Connection returns how to connect to the brokers: the configuration of TLS, which is read again for
// each connection because certificates are renewed, or nil without TLS; and the credentials, or nil.
func (s Storage) Connection() (func() (*tls.Config, error), *eventlog.SASLConfig) {
	var secure func() (*tls.Config, error)
	switch {
	case s.TLS != nil:
		secure = func() (*tls.Config, error) { return s.TLS, nil }
	case s.KafkaTLS:
		secure = func() (*tls.Config, error) { return s.readTLS(variable) }
	}
	if s.KafkaUser == "" {
		return secure, nil
	}
	return secure, &eventlog.SASLConfig{
		Mechanism: s.KafkaSASL, User: s.KafkaUser,
		Password: func() (string, error) { return secret.Read(s.KafkaPassword) },
	}
}

// variable returns the environment variable of a setting of [Storage].
func variable(field string) string {
	f, _ := reflect.TypeFor[Storage]().FieldByName(field)
	return f.Tag.Get("env")
}

// AfterApply is a hook of package kong, which refuses invalid files before any command starts.
func (s Storage) AfterApply() error {
	f := s.checkTLS(variable)
	return f.Err()
}

func (s Storage) checkTLS(setting func(field string) string) (f Faults) {
	if !s.KafkaTLS {
		for field, value := range map[string]string{"KafkaCA": s.KafkaCA, "KafkaCert": s.KafkaCert, "KafkaKey": s.KafkaKey} {
			f.Unlessf(value == "", "%s is set, but %s is not true: traffic and credentials would be readable on the network",
				setting(field), setting("KafkaTLS"))
		}
		return f
	}
	f.Unlessf(s.KafkaKey == "" || s.KafkaCert != "", "%s is set, but %s is not", setting("KafkaKey"), setting("KafkaCert"))
	_, err := s.readTLS(setting)
	f.Add(err)
	return f
}

func (s Storage) readTLS(setting func(field string) string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var f Faults
	if s.KafkaCA != "" {
		roots, err := readAuthorities(s.KafkaCA, setting("KafkaCert"))
		f.AddTo(setting("KafkaCA"), err)
		config.RootCAs = roots
	}
	if s.KafkaCert != "" {
		pair, err := readPair(s.KafkaCert, cmp.Or(s.KafkaKey, s.KafkaCert))
		f.AddTo(setting("KafkaCert"), err)
		config.Certificates = []tls.Certificate{pair}
	}
	return config, errors.Join(f...)
}

// readPair does what [tls.LoadX509KeyPair] does, but with files that a person wrote.
func readPair(certPath, keyPath string) (pair tls.Certificate, err error) {
	cert, err := secret.ReadFile(certPath)
	if err != nil {
		return pair, err
	}
	key, err := secret.ReadFile(keyPath)
	if err != nil {
		return pair, err
	}
	return tls.X509KeyPair([]byte(cert), []byte(key))
}

func readAuthorities(path, certSetting string) (*x509.CertPool, error) {
	text, err := secret.ReadFile(path) // a mark before the first certificate would hide it
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(text)) {
		what := "no PEM certificate"
		if strings.Contains(text, "PRIVATE KEY") {
			what = "a private key but no certificate: set the file as " + certSetting
		}
		return nil, fmt.Errorf("%s contains %s", path, what)
	}
	return roots, nil
}
