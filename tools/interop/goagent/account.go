package main

import (
	"os"
	"strings"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// account is as whom requests are signed: NAME:SECRET in the environment.
func account() (primitive.Credentials, bool) {
	name, secret, ok := strings.Cut(os.Getenv("INTEROP_ACCOUNT"), ":")
	return primitive.Credentials{AccessKey: name, SecretKey: secret}, ok
}
