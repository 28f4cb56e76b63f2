field-email = E-posta
