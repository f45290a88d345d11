package main

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

type kafkaTLS struct {
	KafkaTLS  bool   `env:"LEDGERBOARD_KAFKA_TLS" help:"Connect to Kafka over TLS."`
	KafkaCA   string `env:"LEDGERBOARD_KAFKA_CA" placeholder:"FILE" help:"Certificates (PEM) of the authorities that sign broker certificates. Default: the authorities that this machine trusts."`
	KafkaCert string `env:"LEDGERBOARD_KAFKA_CERT" placeholder:"FILE" help:"Client certificate (PEM), if brokers require one."`
	KafkaKey  string `env:"LEDGERBOARD_KAFKA_KEY" placeholder:"FILE" help:"Key of the client certificate (PEM). Default: the file of the certificate."`

	connect func() (*tls.Config, error) // for a connection; nil if TLS is disabled
}

// AfterApply refuses invalid files before any command starts.
func (k *kafkaTLS) AfterApply() error {
	var wrong faults
	if !k.KafkaTLS {
		for name, value := range map[string]string{"CA": k.KafkaCA, "CERT": k.KafkaCert, "KEY": k.KafkaKey} {
			wrong.unlessf(value == "", "LEDGERBOARD_KAFKA_%s is set, but LEDGERBOARD_KAFKA_TLS is not true: "+
				"traffic and credentials would be readable on the network", name)
		}
		return wrong.err()
	}
	wrong.unlessf(k.KafkaKey == "" || k.KafkaCert != "", "LEDGERBOARD_KAFKA_KEY is set, but LEDGERBOARD_KAFKA_CERT is not")
	k.connect = kafkaFiles{k.KafkaCA, k.KafkaCert, cmp.Or(k.KafkaKey, k.KafkaCert)}.read
	_, err := k.connect()
	wrong.add(err)
	return wrong.err()
}

// kafkaFiles are the paths of PEM files; "" if not set.
type kafkaFiles struct{ authorities, cert, key string }

func (f kafkaFiles) read() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var errs [2]error
	if f.authorities != "" {
		config.RootCAs, errs[0] = readAuthorities(f.authorities)
	}
	if f.cert != "" {
		var pair tls.Certificate
		pair, errs[1] = tls.LoadX509KeyPair(f.cert, f.key)
		config.Certificates = []tls.Certificate{pair}
	}
	return config, errors.Join(wrapError("LEDGERBOARD_KAFKA_CA", errs[0]), wrapError("LEDGERBOARD_KAFKA_CERT", errs[1]))
}

func readAuthorities(path string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(raw) {
		what := "no PEM certificate"
		if strings.Contains(string(raw), "PRIVATE KEY") {
			what = "a private key but no certificate: set the file as LEDGERBOARD_KAFKA_CERT"
		}
		return nil, fmt.Errorf("%s contains %s", path, what)
	}
	return roots, nil
}

const configFileVariable = "LEDGERBOARD_CONFIG"

// dropEmpty unsets empty variables: the empty values of an example file must not override defaults.
func dropEmpty() error {
	for _, pair := range os.Environ() {
		if name, ok := strings.CutSuffix(pair, "="); ok && strings.HasPrefix(name, "LEDGERBOARD_") {
			if err := os.Unsetenv(name); err != nil {
				return fmt.Errorf("unset %s: %w", name, err)
			}
		}
	}
	return nil
}

// loadConfigFile sets the variables in a file that has the format of systemd's EnvironmentFile.
// Variables that are already set take precedence.
func loadConfigFile(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open configuration file: %w", err)
	}
	defer file.Close()
	var wrong []string
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || !strings.HasPrefix(name, "LEDGERBOARD_") {
			wrong = append(wrong, fmt.Sprintf("line %d is not LEDGERBOARD_NAME=value", n))
			continue
		}
		if _, set := os.LookupEnv(name); set || strings.TrimSpace(value) == "" {
			continue
		}
		value = strings.TrimSpace(value)
		if last := len(value) - 1; last > 0 && (value[0] == '"' || value[0] == '\'') && value[last] == value[0] {
			value = value[1:last]
		}
		if err := os.Setenv(name, value); err != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: %s", n, err))
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read configuration file %s: %w", path, err)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("configuration file %s: %s", path, strings.Join(wrong, "; "))
	}
	return nil
}
