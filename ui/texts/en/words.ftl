field-email = E-mail
