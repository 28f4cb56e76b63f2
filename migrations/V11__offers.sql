-- Nobody is sold what is not served: these are shown as soon as a module serves them.
UPDATE packages SET is_visible = false WHERE modules && '{gateway,hosting,bots}';
